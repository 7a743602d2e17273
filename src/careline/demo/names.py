"""Names for made-up people: common given and family names, grouped so that families sound like families."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Names that go together, the language such a family may prefer, and the share of families."""

    language: str
    #: How many in a hundred of these families prefer that language to English.
    prefer: int
    share: int
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


POOLS: tuple[Names, ...] = (
    Names(
        "en",
        0,
        46,
        _split(
            "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra Betty Ashley"
            " Emily Kimberly Margaret Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura"
            " Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine Christine"
            " Helen Debra Rachel Carolyn Janet Maria Olivia Heather Diane Julie Joyce Victoria Ruth Virginia Lauren"
            " Kelly Christina Joan Evelyn Judith Andrea Hannah Megan Cheryl Jacqueline Martha Madison Teresa Gloria"
            " Sara Janice Ann Kathryn Abigail Sophia Frances Jean Alice Judy Isabella Julia Grace Amber Denise"
        ),
        _split(
            "James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony"
            " Mark Steven Donald Andrew Joshua Kenneth Paul Kevin Brian Timothy Ronald Jason George Edward Jeffrey"
            " Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory"
            " Alexander Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron Henry Adam Douglas Nathan Peter Zachary"
            " Kyle Noah Ethan Jeremy Walter Christian Keith Roger Terry Austin Sean Gerald Carl Harold Dylan Arthur"
            " Lawrence Jordan Jesse Bryan Bruce Gabriel Joe Logan Alan Juan Albert Willie Elijah Wayne"
        ),
        _split(
            "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Thomas Taylor Moore Jackson Martin Lee"
            " Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson"
            " Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris"
            " Murphy Cook Rogers Morgan Cooper Peterson Bailey Reed Kelly Howard Cox Ward Richardson Watson Brooks"
            " Wood Bennett Gray James Hughes Price Myers Long Foster Sanders Ross Powell Sullivan Russell Jenkins Perry"
            " Butler Barnes Fisher Henderson Coleman Simmons Patterson Jordan Reynolds Hamilton Graham Wallace Cole"
            " West Bryant Gibson Ellis Stevens Murray Ford Marshall Owens McDonald Harrison Woods Washington Kennedy"
            " Wells O'Brien O'Connor Schmidt Schmitt Becker Hoffman Larson Olson Hansen Meyer Meier"
        ),
    ),
    Names(
        "es",
        62,
        31,
        _split(
            "María Guadalupe Ana Rosa Carmen Juana Margarita Josefina Elena Sofía Isabel Lucía Gabriela Alejandra"
            " Verónica Patricia Silvia Yolanda Teresa Leticia Alicia Mariana Valentina Camila Ximena Daniela Fernanda"
            " Natalia Andrea Paola Adriana Beatriz Graciela Esperanza Consuelo Dolores Mercedes Pilar Rocío Marisol"
        ),
        _split(
            "José Juan Luis Carlos Jesús Miguel Francisco Antonio Manuel Pedro Alejandro Jorge Ricardo Fernando"
            " Roberto Eduardo Javier Raúl Sergio Arturo Rafael Ramón Enrique Alberto Guillermo Mario Óscar Héctor"
            " Diego Santiago Mateo Sebastián Emiliano Ángel Víctor Rubén Gerardo Armando Ernesto Ignacio Vicente"
        ),
        _split(
            "García Rodríguez Martínez Hernández López González Pérez Sánchez Ramírez Torres Flores Rivera Gómez Díaz"
            " Reyes Morales Cruz Ortiz Gutiérrez Chávez Ramos Ruiz Álvarez Mendoza Vásquez Castillo Jiménez Moreno"
            " Romero Herrera Medina Aguilar Garza Castro Vargas Fernández Guzmán Muñoz Méndez Salazar Soto Delgado"
            " Peña Ríos Alvarado Sandoval Contreras Valdez Guerrero Ortega Estrada Núñez Maldonado Vega Santiago"
            " Domínguez Espinoza Silva Padilla Márquez Cortez Rojas Acosta Figueroa Luna Juárez Navarro Campos"
        ),
    ),
    Names(
        "pl",
        40,
        7,
        _split("Anna Katarzyna Agnieszka Ewa Barbara Krystyna Małgorzata Elżbieta Zofia Magdalena Joanna Monika"),
        _split("Piotr Krzysztof Andrzej Tomasz Jan Paweł Michał Marcin Stanisław Jakub Adam Wojciech Zbigniew Marek"),
        _split(
            "Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski"
            " Kozłowski Jankowski Mazur Krawczyk Piotrowski Grabowski Pawłowski Michalski"
        ),
    ),
    Names(
        "zh",
        35,
        6,
        _split("Mei Li Xiu Ying Hui Yan Jing Fang Lan Hong Amy Grace Vivian Jenny Wei Xin Yi Lily"),
        _split("Wei Jun Ming Jian Hao Lei Tao Peng Kevin Jason David Eric Chen Bo Feng Kai Andrew"),
        _split("Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Lin Guo He Luo Wong Chan Ng Tan"),
    ),
    Names(
        "hi",
        14,
        6,
        _split("Priya Anjali Sunita Kavita Neha Pooja Asha Meera Lakshmi Divya Anita Rekha Nisha Deepa Isha Ananya"),
        _split("Raj Amit Sanjay Vijay Anil Suresh Ravi Rahul Arjun Vikram Ajay Deepak Nikhil Rohan Arun Karan"),
        _split("Patel Shah Singh Kumar Sharma Gupta Desai Mehta Reddy Rao Nair Iyer Joshi Verma Kapoor Khan Ahmed"),
    ),
    Names(
        "vi",
        38,
        4,
        _split("Linh Hương Lan Mai Thảo Ngọc Trang Phương Hà Thu Kim Anh Jenny Tiffany"),
        _split("Minh Tuấn Hùng Dũng Anh Nam Long Quang Khoa Bình Tony Kevin Andy Thành"),
        _split("Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương"),
    ),
)

#: Twins whose names are one letter or one sound apart: the hardest pair to keep apart on a telephone.
TWINS = (
    ("Jaden", "Jayden"), ("Aiden", "Ayden"), ("Hayden", "Jayden"), ("Erica", "Erika"), ("Kristen", "Kirsten"),
    ("Marina", "Marisa"), ("Daniel", "Daniela"), ("Carla", "Karla"), ("Lena", "Lina"), ("Tina", "Dina"),
    ("Ana", "Anna"), ("Luis", "Luisa"), ("Julian", "Juliana"), ("Gabriel", "Gabriela"), ("Eric", "Erik"),
    ("Ella", "Etta"), ("Sean", "Shawn"), ("Mia", "Nia"), ("Liam", "Lian"), ("Maya", "Mayra"),
)  # fmt: skip

STREETS = _split(
    "Birch Maple Oak Cedar Elm Walnut Ash Willow Cherry Spruce Chestnut Hickory Linden Poplar Juniper Laurel Prairie"
    " Lakeview Ridge Meadow Harbor Mill Garden Orchard Park Summit Forest Grove Heritage Franklin Madison Monroe"
    " Jackson Lincoln Jefferson Adams Harrison Fulton Wabash Halsted Ashland Damen Kedzie Pulaski Cicero Central"
)
STREET_KINDS = _split("Street Avenue Road Drive Lane Court Place Boulevard")

#: City, state, ZIP codes.
TOWNS = (
    ("Chicago", "IL", ("60614", "60618", "60622", "60625", "60629", "60632", "60639", "60640", "60647", "60657")),
    ("Evanston", "IL", ("60201", "60202")),
    ("Oak Park", "IL", ("60301", "60302")),
    ("Cicero", "IL", ("60804",)),
    ("Skokie", "IL", ("60076", "60077")),
    ("Berwyn", "IL", ("60402",)),
    ("Naperville", "IL", ("60540", "60563")),
    ("Hammond", "IN", ("46320", "46324")),
    ("Kenosha", "WI", ("53140", "53142")),
)

#: Area codes for patients' numbers; within each only 555-0100 to 555-0199 exist, which are reserved for fiction.
AREA_CODES = (
    773, 872, 630, 331, 815, 779, 217, 309, 618, 219, 574, 260, 317, 463, 765, 812, 930, 262, 414, 608, 534, 715, 920,
    269, 313, 517, 586, 616, 734, 810, 906, 947, 989, 216, 234, 330, 380, 419, 440, 513, 567, 614, 740, 937, 218, 320,
    507, 612, 651, 763, 952, 319, 515, 563, 641, 712, 314, 417, 573, 636, 660, 816, 975, 270, 364, 502, 606, 859, 201,
    203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215,
)  # fmt: skip
